# evermux in fish: tells what runs in this pane of tmux, and takes back its directories after a restore. What is told goes
# into a file of the pane's own, which only you can read; see docs/shells.md. Needs fish 3.4.

# Only in the shell that tmux has started itself, and once.
if status is-interactive; and not set -q __evermux_file; and string match -q '%*' -- "$TMUX_PANE"
    set -l __evermux_server (string split , -- $TMUX)[-2]
    # Whose child this is: the system says it without a fork on Linux.
    set -l __evermux_parent
    if test -r /proc/$fish_pid/stat
        set __evermux_parent (string replace -rf '^.*\) \S (\d+) .*' '$1' </proc/$fish_pid/stat)
    else
        set __evermux_parent (string trim (ps -o ppid= -p $fish_pid))
    end
    if test -n "$__evermux_server"; and test "$__evermux_parent" = "$__evermux_server"
        set -g __evermux_file $__evermux_folder/$__evermux_server.(string sub -s 2 -- $TMUX_PANE)
        set -g __evermux_first 1
        set -g __evermux_prompts 0

        # Begins the file anew: at the start, and now and then, so that it stays small.
        function __evermux_begin
            set -g __evermux_places
            set -g __evermux_variables
            # A redirection that fails says so whatever is done about it; the folder may have gone meanwhile.
            test -d $__evermux_folder; and printf 's%s fish 0\0' $fish_pid 2>/dev/null >$__evermux_file
        end

        # Before each prompt. Builtins only: nothing is forked.
        function __evermux_prompt --on-event fish_prompt
            set -l code $status
            if test -n "$__evermux_first"
                set -g __evermux_first
                if test -e $__evermux_file.first
                    $__evermux_program shell-first fish --state $__evermux_state 2>/dev/null | source
                end
            end
            set -g __evermux_prompts (math $__evermux_prompts + 1)
            if test $__evermux_prompts -ge 1000
                set -g __evermux_prompts 0
                __evermux_begin
            end
            set -l places "p$PWD" "o$dirprev[-1]" d$dirstack
            set -l variables "vVIRTUAL_ENV=$VIRTUAL_ENV" "vCONDA_PREFIX=$CONDA_PREFIX" "vNVM_BIN=$NVM_BIN" \
                "vAWS_PROFILE=$AWS_PROFILE" "vKUBECONFIG=$KUBECONFIG" "vATUIN_SESSION=$ATUIN_SESSION"
            set -l told "e0 $code"
            if test "$places" != "$__evermux_places"
                set -g __evermux_places $places
                set -a told $places
            end
            if test "$variables" != "$__evermux_variables"
                set -g __evermux_variables $variables
                set -a told $variables
            end
            test -d $__evermux_folder; and printf '%s\0' $told 2>/dev/null >>$__evermux_file
        end

        # Before each command: the line as it was typed. One that begins with a blank is nobody's business.
        function __evermux_preexec --on-event fish_preexec
            set -l line "$argv[1]"
            if set -q fish_private_mode; or string match -rq '^\s' -- $line
                set line
            end
            test -d $__evermux_folder; and printf 'c0 %s\0' "$line" 2>/dev/null >>$__evermux_file
        end

        __evermux_begin
    end
end
