/** What a shell can complete. */
export interface Vocabulary {
  readonly commands: readonly {
    readonly name: string;
    readonly description: string;
    readonly flags: readonly string[];
    /** Its first argument is one of these. */
    readonly words: readonly string[];
    /** It takes names of servers. */
    readonly servers: boolean;
  }[];
  /** Of every command. */
  readonly flags: readonly string[];
}

/** Asks the saved state, which opens no connection; the configuration of the line counts. */
const NAMES = `handyrep --json server list 2>/dev/null | tr '{,' '\\n\\n' | sed -n 's/^"name":"\\([A-Za-z0-9_.-]*\\)".*/\\1/p'`;

/** Of bash, without the package bash-completion. */
export function bashScript({ commands, flags }: Vocabulary): string {
  const cases = commands.map(({ name, flags: own, words, servers }) => {
    const first = [...words, ...(servers ? ['$(_handyrep_servers)'] : [])].join(' ');
    return `    ${name}) words="${[...own, ...flags].join(' ')}"; names="${first}" ;;`;
  });
  return `# handyrep completion for bash
_handyrep_servers() { ${NAMES}; }
_handyrep() {
  local current=\${COMP_WORDS[COMP_CWORD]} command= word words names
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${commands.map(({ name }) => name).join('|')}) command=$word; break ;; esac
  done
  case $command in
${cases.join('\n')}
    *) words="${flags.join(' ')}"; names="${commands.map(({ name }) => name).join(' ')}" ;;
  esac
  case $current in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$names" -- "$current")) ;;
  esac
}
complete -o default -F _handyrep handyrep
`;
}

/** Of zsh: the one of bash, which zsh can read, with zsh's own way to load it. */
export function zshScript(words: Vocabulary): string {
  return `#compdef handyrep
autoload -U +X bashcompinit && bashcompinit
${bashScript(words)}`;
}

export function fishScript({ commands, flags }: Vocabulary): string {
  const names = commands.map(({ name }) => name).join(' ');
  const none = `not __fish_seen_subcommand_from ${names}`;
  const lines = commands.flatMap(({ name, description, flags: own, words, servers }) => [
    `complete -c handyrep -f -n '${none}' -a ${name} -d ${quoted(description)}`,
    ...own.map((flag) => `complete -c handyrep -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`),
    ...(words.length === 0
      ? []
      : [`complete -c handyrep -f -n '__fish_seen_subcommand_from ${name}' -a '${words.join(' ')}'`]),
    ...(servers ? [`complete -c handyrep -f -n '__fish_seen_subcommand_from ${name}' -a '(__handyrep_servers)'`] : []),
  ]);
  return `# handyrep completion for fish
function __handyrep_servers; ${NAMES}; end
${flags.map((flag) => `complete -c handyrep -l ${flag.slice(2)}`).join('\n')}
${lines.join('\n')}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
