# evermux in Nushell: tells what runs in this pane of tmux. Tried with 0.108 only. What is told goes into a file of the
# pane's own, which only you can read; see docs/shells.md.

$env.__evermux_file = (
    if $nu.is-interactive and ($env.TMUX? | default "") != "" and ($env.TMUX_PANE? | default "") != "" {
        let server = ($env.TMUX | split row "," | reverse | get 1)
        # Only in the shell that tmux has started itself.
        let parent = (ps | where pid == $nu.pid | get 0?.ppid? | default 0 | into string)
        if $parent == $server {
            $"($env.__evermux_folder)/($server).($env.TMUX_PANE | str replace '%' '')"
        } else { "" }
    } else { "" }
)

if $env.__evermux_file != "" {
    $"s($nu.pid) nu 0(char --integer 0)" | save --force --raw $env.__evermux_file
    $env.config.hooks.pre_execution = ($env.config.hooks.pre_execution? | default [] | append {||
        let line = (commandline)
        let line = (if ($line | str starts-with " ") { "" } else { $line })
        $"c0 ($line)(char --integer 0)" | save --append --raw $env.__evermux_file
    })
    $env.config.hooks.pre_prompt = ($env.config.hooks.pre_prompt? | default [] | append {||
        let code = ($env.LAST_EXIT_CODE? | default 0)
        $"e0 ($code)(char --integer 0)p($env.PWD)(char --integer 0)o($env.OLDPWD? | default '')(char --integer 0)"
            | save --append --raw $env.__evermux_file
    })
}
