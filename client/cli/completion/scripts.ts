/** What each shell needs to ask `orchestrator __complete`. The answers are the program's, so that a script never grows old. */
export const completionScripts = {
  bash: `# orchestrator completion for bash: source <(orchestrator completion bash)
_orchestrator() {
  local IFS=$'\\n' line current=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while read -r line; do
    case $line in
      :files) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")) ;;
      :folders) compopt -o filenames; COMPREPLY=($(compgen -d -- "$current")) ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _orchestrator orchestrator
`,
  zsh: `#compdef orchestrator
# orchestrator completion for zsh: orchestrator completion zsh > ~/.zfunc/_orchestrator, a folder of $fpath
_orchestrator() {
  local line value
  local -a found
  while IFS= read -r line; do
    case $line in
      :files) _files; return ;;
      :folders) _files -/; return ;;
    esac
    value=\${line%%$'\\t'*}
    found+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#found} )) && _describe orchestrator found
}
if [ "$funcstack[1]" = "_orchestrator" ]; then
  _orchestrator "$@"
else
  compdef _orchestrator orchestrator
fi
`,
  fish: `# orchestrator completion for fish: orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish
function __orchestrator_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :folders
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c orchestrator -f -a '(__orchestrator_complete)'
`,
} as const;
