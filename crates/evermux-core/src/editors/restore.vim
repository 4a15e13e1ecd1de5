" Brings back what evermux has kept of a Vim (8.1.0313 and later): the files it edited, and of each the text in the swap file that
" it has left. Files are only read: that text comes back as modified buffers. Run by `vim -S`, with the kept list beside it.
let s:folder = expand('<sfile>:p:h')
" FILE, SWAP, FILE, SWAP …, each ended by a NUL, which readfile() tells as a newline.
let s:items = split(join(readfile(s:folder . '/session', 'b'), ''), "\n")
let s:shortmess = &shortmess
let s:notes = []
set shortmess+=F

" The Vim that owned a swap file is gone: not running, or something else with its number.
function! s:is_abandoned(swap, info)
  if has_key(a:info, 'error') || a:info.pid == 0 || !isdirectory('/proc/self')
    return !has_key(a:info, 'error') && a:info.pid == 0
  endif
  let stat = filereadable('/proc/' . a:info.pid . '/stat') ? join(readfile('/proc/' . a:info.pid . '/stat'), ' ') : ''
  return stat ==# '' || stat =~# ') Z ' || matchstr(stat, '(\zs.*\ze) ') !~# 'vi'
endfunction

" The text in a swap file, put together by another Vim that does nothing else.
function! s:recovered(swap)
  let out = tempname()
  let words = [v:progpath, '-u', 'NONE', '-i', 'NONE', '-es', '-n', '-r', a:swap,
    \ '-c', 'write! ++enc=' . &encoding . ' ++ff=unix ' . fnameescape(out), '-c', 'qa!']
  call system(join(map(words, 'shellescape(v:val)'), ' ') . ' </dev/null')
  let lines = readfile(out, 'b')
  call delete(out)
  return lines[-1:] ==# [''] ? lines[:-2] : lines
endfunction

function! s:open(file, swap)
  let info = filereadable(a:swap) && a:swap =~# '\.s[a-w][a-z]$' ? swapinfo(a:swap) : {'error': 'none'}
  if !s:is_abandoned(a:swap, info)
    " Somebody else edits it, or there is none: Vim's own question comes, if any.
    execute 'silent edit' fnameescape(a:file)
    return
  endif
  " The question has its answer.
  set shortmess+=A
  execute 'silent edit' fnameescape(a:file)
  if info.dirty
    let lines = s:recovered(a:swap)
    if lines !=# getline(1, '$')
      call setline(1, lines)
      if line('$') > len(lines)
        call deletebufline('%', len(lines) + 1, '$')
      endif
      " From now on a swap file of its own has it.
      silent preserve
    endif
  endif
  if swapname('%') !=# '' && fnamemodify(swapname('%'), ':p') !=# fnamemodify(a:swap, ':p')
    call delete(a:swap)
  endif
endfunction

let s:hidden = &hidden
set hidden
for s:at in range(0, len(s:items) - 2, 2)
  try
    call s:open(s:items[s:at], s:items[s:at + 1])
  catch
    call add(s:notes, s:items[s:at] . ': ' . v:exception)
  endtry
  let &shortmess = s:shortmess . 'F'
endfor
let &shortmess = s:shortmess
let &hidden = s:hidden || len(filter(getbufinfo(), 'v:val.changed')) > 1
" It is all here now; what went wrong can be looked at.
let g:evermux_notes = s:notes
if empty(s:notes)
  call delete(s:folder, 'rf')
endif
