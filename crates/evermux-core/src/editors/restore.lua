-- Brings back what capture.lua has kept (Neovim 0.7 and later); run by `nvim -S`, with the kept state beside it. Files are
-- only read: unsaved text comes back as modified buffers.
local dir = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h')
local api, fn = vim.api, vim.fn

local function bytes(name)
  local file = io.open(dir .. '/' .. name, 'rb')
  local text = file and file:read('*a')
  if file then file:close() end
  return text
end

local notes = {}
local function note(...) notes[#notes + 1] = table.concat({ ... }, ' ') end

local S = vim.mpack.decode(bytes('state'))
for number, kept in ipairs(S.buffers) do kept.number = number end
-- When all this was captured: seconds since the epoch, with a fraction.
local taken = tonumber(bytes('taken') or '') or 0
local shortmess, hidden = vim.o.shortmess, vim.o.hidden
-- No question about swap files, no message about files, and no buffer goes when another one is shown.
vim.o.shortmess = shortmess .. 'AF'
vim.o.hidden = true

-- The editor that owned a swap file is gone: not running, or something else with its number.
local function abandoned(info)
  if not info.pid or info.pid == 0 then return true end
  local file = io.open('/proc/' .. info.pid .. '/stat')
  if not file then return fn.isdirectory('/proc/self') == 1 end
  local stat = file:read('*a')
  file:close()
  local name, state = stat:match('%((.*)%) (%a)')
  return state == 'Z' or not (name and name:find('vim'))
end

-- The text in a swap file, put together by another Neovim that does nothing else; none if that fails.
local function recovered(path)
  local out = fn.tempname()
  local job = fn.jobstart({
    vim.v.progpath, '--clean', '-n', '--headless', '-r', path, '-c', 'silent write! ++enc=utf-8 ++ff=unix ' .. fn.fnameescape(out), '-c', 'qa!',
  }, { stdin = 'null' })
  local ended = job > 0 and fn.jobwait({ job }, 3000)[1]
  if ended == -1 then fn.jobstop(job) end
  local lines = ended == 0 and fn.filereadable(out) == 1 and fn.readfile(out, 'b')
  fn.delete(out)
  return lines
end

local function is_mine(path)
  local stat = (vim.uv or vim.loop).fs_lstat(path)
  return stat and stat.type == 'file' and stat.uid == (vim.uv or vim.loop).getuid()
end

-- When a file was changed, as exactly as `taken`.
local function changed(path)
  local time = (vim.uv or vim.loop).fs_stat(path).mtime
  return time.sec + time.nsec / 1e9
end

-- Of a swap file that an editor has left behind: newer text than was kept. One that holds nothing else goes.
local function from_swap(swap, text)
  if not is_mine(swap.path) then return end
  local info = fn.swapinfo(swap.path)
  if info.error or not abandoned(info) then return end
  if info.dirty == 0 and not text then
    fn.delete(swap.path)
    return
  end
  local found = recovered(swap.path)
  if not found then return end
  if found[#found] == '' then table.remove(found) end
  local kept = text and vim.deepcopy(text)
  if kept and kept[#kept] == '' then table.remove(kept) end
  if not kept then return found end
  if table.concat(found, '\n') == table.concat(kept, '\n') then
    fn.delete(swap.path)
  elseif taken < changed(swap.path) then
    note('text of', swap.name, 'is newer in', swap.path)
    return found
  end
end

-- Not `nvim_buf_set_lines`: that takes no NUL (a newline within a line).
local function set_lines(b, text)
  fn.setbufline(b, 1, text)
  if api.nvim_buf_line_count(b) > #text then fn.deletebufline(b, #text + 1, '$') end
end

local function fill(b, kept, lines)
  local disk = api.nvim_buf_get_lines(b, 0, -1, false)
  local undo = dir .. '/undo' .. kept.number
  local levels = vim.bo[b].undolevels
  local modifiable, readonly = vim.bo[b].modifiable, vim.bo[b].readonly
  vim.bo[b].modifiable = true
  local function set(text, without_undo)
    if without_undo then vim.bo[b].undolevels = -1 end
    set_lines(b, text)
    vim.bo[b].undolevels = levels
  end
  local own = fn.readfile(dir .. '/text' .. kept.number, 'b')
  set(own, true)
  local came = false
  if fn.filereadable(undo) == 1 then
    api.nvim_buf_call(b, function()
      pcall(vim.cmd, 'silent rundo ' .. fn.fnameescape(undo))
      -- One that does not fit loads nothing, and says nothing.
      came = fn.undotree().seq_last > 0
    end)
  end
  if not came then
    set(disk, true)
    set(own)
  end
  if lines then set(lines) end
  for _, option in ipairs({ 'fileformat', 'fileencoding', 'bomb', 'endofline' }) do
    if kept[option] ~= nil and vim.bo[b][option] ~= kept[option] then pcall(function() vim.bo[b][option] = kept[option] end) end
  end
  vim.bo[b].modifiable, vim.bo[b].readonly = modifiable, readonly
  if not vim.bo[b].modified then vim.bo[b].modified = true end
end

-- Text without a place gets a buffer of its own: nothing that was kept is dropped.
local function aside(kept, lines)
  local b = api.nvim_create_buf(true, false)
  fill(b, kept, lines)
  pcall(function() vim.bo[b].filetype = kept.filetype end)
  return b
end

local swaps, nameless = {}, {}
for _, swap in ipairs(S.swaps) do swaps[swap.number > 0 and swap.number or swap.path] = swap end

local function newer(kept)
  local swap = swaps[kept.number]
  if not swap then return end
  swaps[kept.number] = nil
  local good, lines = pcall(from_swap, swap, fn.readfile(dir .. '/text' .. kept.number, 'b'))
  return good and lines or nil
end

-- Unsaved text first: set later, it would take folds and cursors with it.
for _, kept in ipairs(S.buffers) do
  local lines = newer(kept)
  if kept.name ~= '' and kept.file then
    local good, why = pcall(function()
      local b = fn.bufadd(kept.name)
      fn.bufload(b)
      vim.bo[b].buflisted = kept.listed
      fill(b, kept, lines)
    end)
    if not good then
      note(kept.name, tostring(why))
      pcall(aside, kept, lines)
    end
  elseif kept.name == '' then
    nameless[kept.number] = { kept, lines }
  else
    pcall(aside, kept, lines)
  end
end
-- Swap files of text that was saved, or that was too large to be kept.
for _, swap in pairs(swaps) do
  local good, lines = pcall(from_swap, swap, nil)
  if good and lines and swap.name ~= '' then
    pcall(function()
      local b = fn.bufadd(swap.name)
      fn.bufload(b)
      if table.concat(api.nvim_buf_get_lines(b, 0, -1, false), '\n') ~= table.concat(lines, '\n') then
        set_lines(b, lines)
      end
    end)
  end
end

local good, why = pcall(vim.cmd, 'silent source ' .. fn.fnameescape(dir .. '/session'))
if not good then
  note(tostring(why))
  -- Whatever one line of it met, the others count.
  pcall(vim.cmd, 'silent! source ' .. fn.fnameescape(dir .. '/session'))
end

local tabs = api.nvim_list_tabpages()
for _, window in ipairs(S.windows) do
  local found, tab = nameless[window.number], tabs[window.tab]
  local win = tab and api.nvim_tabpage_list_wins(tab)[window.place]
  if found and win and api.nvim_buf_get_name(api.nvim_win_get_buf(win)) == '' then
    local b = found.buffer
    if b then
      pcall(api.nvim_win_set_buf, win, b)
    else
      b = api.nvim_win_get_buf(win)
      found.buffer = b
      if not pcall(fill, b, found[1], found[2]) then
        found.buffer = aside(found[1], found[2])
        api.nvim_win_set_buf(win, found.buffer)
      end
      pcall(function() vim.bo[b].filetype = found[1].filetype end)
    end
  end
end
local function place()
  for _, key in ipairs({ 'height', 'width', 'view' }) do
    for _, window in ipairs(S.windows) do
      local tab = api.nvim_tabpage_is_valid(tabs[window.tab] or -1) and tabs[window.tab]
      local win = tab and api.nvim_tabpage_list_wins(tab)[window.place]
      if win and key == 'view' then
        local view = { lnum = window.cursor[1], col = window.cursor[2], topline = window.topline }
        pcall(api.nvim_win_call, win, function() fn.winrestview(view) end)
      elseif win and fn.getwininfo(win)[1][key] ~= window[key] then
        pcall(api['nvim_win_set_' .. key], win, window[key])
      end
    end
  end
end
place()
for _, found in pairs(nameless) do
  if not found.buffer then pcall(aside, found[1], found[2]) end
end

if #S.quickfix.items > 0 then
  pcall(fn.setqflist, {}, ' ', { items = S.quickfix.items, title = S.quickfix.title })
  pcall(fn.setqflist, {}, 'a', { idx = S.quickfix.index })
end
-- The session file is ours: nobody shall write into it. Who tracked one of their own goes on.
vim.v.this_session = S.this_session
if S.this_obsession ~= '' then vim.g.this_obsession = S.this_obsession end
vim.o.hidden = hidden
vim.o.shortmess = shortmess

-- auto-session was kept from bringing back its own; from now on it may save again.
local function finish()
  if vim.g.auto_session_enabled == false then
    vim.g.auto_session_enabled = nil
    local loaded = package.loaded['auto-session.config']
    if loaded then loaded.enabled = true end
  end
end
vim.cmd('augroup evermux_restored | augroup END')
vim.g.evermux_notes = notes
_G.evermux_finish = finish
vim.cmd('autocmd evermux_restored VimEnter * ++once lua vim.defer_fn(function() _G.evermux_finish() _G.evermux_finish = nil end, 100)')
-- A pane that is made with an editor gets its size after that has begun.
local screen, began = S.screen or { vim.o.lines, vim.o.columns }, (vim.uv or vim.loop).now()
if screen[1] ~= vim.o.lines or screen[2] ~= vim.o.columns then
  _G.evermux_resized = function()
    local over = (vim.uv or vim.loop).now() - began > 5000
    local fits = screen[1] == vim.o.lines and screen[2] == vim.o.columns
    if fits and not over then place() end
    if fits or over then
      vim.cmd('autocmd! evermux_restored VimResized')
      _G.evermux_resized = nil
    end
  end
  vim.cmd('autocmd evermux_restored VimResized * lua _G.evermux_resized()')
end
vim.g.evermux_restored = fn.fnamemodify(dir, ':t')
-- It is all here now, and in the store; what went wrong can be looked at.
if #notes == 0 then fn.delete(dir, 'rf') end
