# evermux in zsh: tells what runs in this pane of tmux, and takes back its directories after a restore. What is told goes
# into a file of the pane's own, which only you can read; see docs/shells.md.

# Only in the shell that tmux has started itself (its parent is the server), and once.
if [[ -o interactive && -z ${__evermux_file-} && ${TMUX_PANE-} == %* && ${TMUX-} == *,$PPID,* ]]; then
  typeset -g __evermux_file=$__evermux_folder/$PPID.${TMUX_PANE#%}
  typeset -g __evermux_first=1 __evermux_places= __evermux_variables=
  typeset -gi __evermux_prompts=0

  # Begins the file anew: at the start, and now and then, so that it stays small.
  __evermux_begin() {
    emulate -L zsh
    __evermux_places= __evermux_variables=
    print -rn -- "s$$ zsh ${EPOCHREALTIME-0}"$'\0' 2>/dev/null >|$__evermux_file || :
  }

  # Before each prompt. Builtins only: nothing is forked.
  __evermux_precmd() {
    local code=$?
    if [[ -n $__evermux_first ]]; then
      __evermux_first=
      if [[ -e $__evermux_file.first ]]; then
        eval "$("$__evermux_program" shell-first zsh --state "$__evermux_state" 2>/dev/null)" || :
      fi
    fi
    emulate -L zsh
    (( ++__evermux_prompts % 1000 )) || __evermux_begin
    local places="$OLDPWD"$'\n'"$PWD"$'\n'"${(F)dirstack}" name
    local variables="$VIRTUAL_ENV"$'\n'"$CONDA_PREFIX"$'\n'"$NVM_BIN"$'\n'"$AWS_PROFILE"$'\n'"$KUBECONFIG"$'\n'"$ATUIN_SESSION"
    {
      print -rn -- "e${EPOCHREALTIME-0} $code"$'\0'
      if [[ $places != $__evermux_places ]]; then
        __evermux_places=$places
        print -rN -- "p$PWD" "o$OLDPWD" d${^dirstack}
      fi
      if [[ $variables != $__evermux_variables ]]; then
        __evermux_variables=$variables
        for name in VIRTUAL_ENV CONDA_PREFIX NVM_BIN AWS_PROFILE KUBECONFIG ATUIN_SESSION; do
          print -rn -- "v$name=${(P)name}"$'\0'
        done
      fi
    } 2>/dev/null >>|$__evermux_file || :
  }

  # Before each command: the line as it was typed. One that begins with a blank is nobody's business.
  __evermux_preexec() {
    emulate -L zsh
    local line=$1
    [[ $line == [[:blank:]]* ]] && line=
    print -rn -- "c${EPOCHREALTIME-0} $line"$'\0' 2>/dev/null >>|$__evermux_file || :
  }

  zmodload zsh/datetime 2>/dev/null || :
  __evermux_begin
  autoload -Uz add-zsh-hook
  add-zsh-hook precmd __evermux_precmd
  add-zsh-hook preexec __evermux_preexec
fi
