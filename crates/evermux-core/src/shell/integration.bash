# evermux in bash: tells what runs in this pane of tmux, and takes back its directories after a restore. What is told goes
# into a file of the pane's own, which only you can read; see docs/shells.md. Needs bash 4.4.

# Only in the shell that tmux has started itself (its parent is the server), and once.
if [[ $- == *i* && -z ${__evermux_file-} && ${TMUX_PANE-} == %* && ${TMUX-} == *,"$PPID",* ]] &&
  ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)); then
  __evermux_file=$__evermux_folder/$PPID.${TMUX_PANE#%}
  __evermux_first=1
  __evermux_prompts=0

  # Begins the file anew: at the start, and now and then, so that it stays small.
  __evermux_begin() {
    __evermux_places= __evermux_variables=
    builtin printf 's%s bash %s\0' "$$" "${EPOCHREALTIME-0}" 2>/dev/null >|"$__evermux_file" || :
  }

  # Before each prompt. Builtins only: nothing is forked.
  __evermux_prompt() {
    local status=$? number='\!' name stack
    if [[ -n $__evermux_first ]]; then
      __evermux_first=
      if [[ -e $__evermux_file.first ]]; then
        eval "$("$__evermux_program" shell-first bash --state "$__evermux_state" 2>/dev/null)" || :
      fi
    fi
    ((++__evermux_prompts % 1000)) || __evermux_begin
    # The number of the newest line of the history: the next one has another, or is none.
    __evermux_newest=${number@P}
    local IFS=$'\n'
    local places="${OLDPWD-}$IFS${DIRSTACK[*]}"
    local variables="${VIRTUAL_ENV-}$IFS${CONDA_PREFIX-}$IFS${NVM_BIN-}$IFS${AWS_PROFILE-}$IFS${KUBECONFIG-}$IFS${ATUIN_SESSION-}"
    {
      builtin printf 'e%s %s\0' "${EPOCHREALTIME-0}" "$status"
      if [[ $places != "$__evermux_places" ]]; then
        __evermux_places=$places
        stack=("${DIRSTACK[@]:1}")
        builtin printf '%s\0' "p$PWD" "o${OLDPWD-}" "${stack[@]/#/d}"
      fi
      if [[ $variables != "$__evermux_variables" ]]; then
        __evermux_variables=$variables
        for name in VIRTUAL_ENV CONDA_PREFIX NVM_BIN AWS_PROFILE KUBECONFIG ATUIN_SESSION; do
          builtin printf 'v%s=%s\0' "$name" "${!name-}"
        done
      fi
    } 2>/dev/null >>"$__evermux_file" || :
    # Who comes after us in PROMPT_COMMAND sees what we saw. Under `set -e` that would end the shell.
    [[ $- == *e* ]] || return "$status"
  }

  # Before each command, in the subshell that PS0 makes: the only way before bash 5.3 that is in nobody's way.
  __evermux_command() {
    {
      builtin printf 'c%s %s ' "${EPOCHREALTIME-0}" "${__evermux_newest-}"
      HISTTIMEFORMAT= builtin history 1
      builtin printf '\0'
    } 2>/dev/null >>"$__evermux_file" || :
  }

  __evermux_begin
  if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)); then
    PROMPT_COMMAND=(__evermux_prompt ${PROMPT_COMMAND[@]+"${PROMPT_COMMAND[@]}"})
  else
    PROMPT_COMMAND="__evermux_prompt${PROMPT_COMMAND:+$'\n'$PROMPT_COMMAND}"
  fi
  # Without that option the prompts would show the words themselves.
  if shopt -q promptvars; then
    PS0="${PS0-}"'$(__evermux_command)'
  fi
fi
