-- What of a running Neovim is kept (0.7 and later). Runs inside `silent! noautocmd`, as one call of `nvim_exec_lua`: no event,
-- no message, and every option is put back. `a`: `folder`, a private one for what is written; `known`, the fingerprint of
-- what is kept already; `restored`, the name of the state it was started with; `soon`, whether large text can wait.
local a = ...
local api, fn = vim.api, vim.fn

-- Text above this (bytes) is left to the swap file; above the second one it is not asked for every few seconds.
local LARGEST, LARGE = 5 * 1024 * 1024, 1024 * 1024

if a.restored and vim.g.evermux_restored ~= a.restored then
  return { busy = 'it is still coming back' }
end

-- What other programs give to an editor to be seen by nobody, and what its user says not to write down.
local SECRET = {
  '^/dev/shm/', '^/run/user/', '%.gpg$', '%.pgp$', '%.asc$', '%.age$', '/%.password%-store/', '/pass%.[^/]*/', '/gopass',
  '/crontab%.[^/]*$', '/crontab%.[^/]*/', '^/var/spool/cron/', '/sops[^/]*/', '%.sops%.[^/]*$', '/sudoers[^/]*$',
}
local function secret(b, name)
  if not vim.bo[b].swapfile then return "its 'swapfile' is off" end
  if vim.o.updatecount == 0 then return 'swap files are off' end
  for _, path in ipairs({ name, name ~= '' and fn.resolve(name) or '' }) do
    for _, pattern in ipairs(SECRET) do
      if path:find(pattern) then return 'files like this hold secrets' end
    end
  end
end

local function bytes(b)
  return math.max(api.nvim_buf_get_offset(b, api.nvim_buf_line_count(b)), 0)
end

-- Where windows stand and what they show, as text: equal if nothing has changed.
local function fingerprint(unsaved)
  local parts = { vim.v.this_session, fn.getcwd(-1, -1), fn.string(fn.getqflist({ id = 0, changedtick = 1, idx = 0 })) }
  local function add(...) parts[#parts + 1] = table.concat({ ... }, ' ') end
  for _, b in ipairs(api.nvim_list_bufs()) do
    if vim.bo[b].buflisted then add(b, api.nvim_buf_get_name(b)) end
  end
  for _, b in ipairs(unsaved) do add('unsaved', b, api.nvim_buf_get_changedtick(b)) end
  local current = api.nvim_get_current_tabpage()
  add(api.nvim_tabpage_get_number(current))
  for number, tab in ipairs(api.nvim_list_tabpages()) do
    add(fn.string(fn.winlayout(number)), api.nvim_tabpage_get_win(tab))
    for _, window in ipairs(api.nvim_tabpage_list_wins(tab)) do
      local cursor, info = api.nvim_win_get_cursor(window), fn.getwininfo(window)[1]
      add(window, api.nvim_win_get_buf(window), cursor[1], cursor[2], info.topline, info.width, info.height)
      if tab == current and info.terminal == 0 then
        api.nvim_win_call(window, function()
          local closed = {}
          for line = info.topline, math.min(info.botline, info.topline + 200) do
            closed[#closed + 1] = fn.foldclosed(line)
          end
          add(table.concat(closed, ' '))
        end)
      end
    end
  end
  return fn.sha256(table.concat(parts, '\n'))
end

local unsaved, kept, left, total = {}, {}, {}, 0
for _, b in ipairs(api.nvim_list_bufs()) do
  local options = vim.bo[b]
  if api.nvim_buf_is_loaded(b) and options.modified and (options.buftype == '' or options.buftype == 'acwrite') then
    unsaved[#unsaved + 1] = b
    local name = api.nvim_buf_get_name(b)
    local reason = secret(b, name)
    local size = bytes(b)
    if not reason and size > LARGEST then reason = 'it is too large; its swap file has it' end
    if not reason and total + size > 4 * LARGEST then reason = 'there is too much unsaved text' end
    if reason then
      left[#left + 1] = { name = name, reason = reason }
    else
      kept[#kept + 1], total = b, total + size
    end
  end
end

local print = fingerprint(unsaved)
if a.known == print then return { fingerprint = print } end
if a.soon and total > LARGE then return { busy = 'its unsaved text is large' } end

-- Windows, tabs, folds and cursors are written by Neovim itself.
local options, session = vim.o.sessionoptions, vim.v.this_session
vim.o.sessionoptions = 'blank,buffers,curdir,folds,help,tabpages,winsize'
pcall(vim.cmd, 'mksession! ' .. fn.fnameescape(a.folder .. '/session'))
vim.o.sessionoptions = options
vim.v.this_session = session
-- From the command-line window it does not (E11).
if fn.filereadable(a.folder .. '/session') ~= 1 then return { busy = 'its command-line window is open' } end

-- Swap files that are written from now on may know more.
local seconds, microseconds = (vim.uv or vim.loop).gettimeofday()
local R = {
  told = { seconds, microseconds }, fingerprint = print, left = left, buffers = {}, windows = {}, swaps = {}, this_session = session,
  screen = { vim.o.lines, vim.o.columns },
  this_obsession = type(vim.g.this_obsession) == 'string' and vim.g.this_obsession or '',
}
-- In an order that a restore does not change; the rest counts by it.
table.sort(kept, function(one, two)
  local first, second = api.nvim_buf_get_name(one), api.nvim_buf_get_name(two)
  if first == second then return one < two end
  return first < second
end)
local numbers = {}
for number, b in ipairs(kept) do
  local o, name = vim.bo[b], api.nvim_buf_get_name(b)
  numbers[b] = number
  local text, undo = a.folder .. '/text' .. number, a.folder .. '/undo' .. number
  vim.cmd(string.format('call writefile(getbufline(%d, 1, "$"), %s, "b")', b, fn.string(text)))
  api.nvim_buf_call(b, function() pcall(vim.cmd, 'silent! wundo! ' .. fn.fnameescape(undo)) end)
  R.buffers[number] = {
    name = name,
    -- What belongs to a plugin comes back as text without a name: its plugin may not be there.
    file = o.buftype == '' and not name:find('^%a[%w+.-]*://'),
    listed = o.buflisted, filetype = o.filetype, fileformat = o.fileformat, fileencoding = o.fileencoding,
    bomb = o.bomb, endofline = o.endofline,
  }
end
-- How windows stand, more exactly than `mksession` tells: of those that it writes down. Text without a name by its number.
for t, tab in ipairs(api.nvim_list_tabpages()) do
  local place = 0
  for _, window in ipairs(api.nvim_tabpage_list_wins(tab)) do
    local b, info = api.nvim_win_get_buf(window), fn.getwininfo(window)[1]
    local floating = api.nvim_win_get_config(window).relative ~= ''
    if vim.bo[b].buftype ~= 'terminal' and not floating then
      place = place + 1
      R.windows[#R.windows + 1] = {
        tab = t, place = place, number = api.nvim_buf_get_name(b) == '' and numbers[b] or 0,
        cursor = api.nvim_win_get_cursor(window), topline = info.topline, height = info.height, width = info.width,
      }
    end
  end
end
local list = fn.getqflist({ items = 1, title = 1, idx = 0 })
R.quickfix = { title = list.title, index = list.idx, items = {} }
for n, item in ipairs(list.items) do
  if n > 5000 then break end
  R.quickfix.items[n] = {
    filename = item.bufnr > 0 and api.nvim_buf_get_name(item.bufnr) or '', lnum = item.lnum, col = item.col,
    vcol = item.vcol, nr = item.nr, text = item.text, type = item.type, pattern = item.pattern, module = item.module,
    valid = item.valid,
  }
end
for _, b in ipairs(api.nvim_list_bufs()) do
  local swap, name = fn.swapname(b), api.nvim_buf_get_name(b)
  if swap ~= '' and not secret(b, name) then
    R.swaps[#R.swaps + 1] = { path = fn.fnamemodify(swap, ':p'), number = numbers[b] or 0, name = name }
  end
end
return R
