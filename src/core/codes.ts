/** Exit codes of every command. */
export const EXIT = { success: 0, fail: 1, usage: 2, busy: 3, refused: 4 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Every kind of expected failure with the exit code it ends a command with. */
export const ERROR_EXIT = {
  usage: EXIT.usage,
  config_not_found: EXIT.usage,
  config_invalid: EXIT.usage,
  config_unsafe: EXIT.usage,
  secret_unreadable: EXIT.usage,
  unknown_server: EXIT.usage,
  unknown_setting: EXIT.usage,
  plugin_missing: EXIT.fail,
  plugin_broken: EXIT.fail,
  plugin_failed: EXIT.fail,
  state_unreadable: EXIT.fail,
  state_unwritable: EXIT.fail,
  lock_busy: EXIT.busy,
  lock_lost: EXIT.fail,
  sql_connect: EXIT.fail,
  sql_query: EXIT.fail,
  sql_timeout: EXIT.fail,
  ssh_connect: EXIT.fail,
  command_failed: EXIT.fail,
  command_timeout: EXIT.fail,
  command_missing: EXIT.fail,
  table_unwritable: EXIT.fail,
  step_failed: EXIT.fail,
  aborted: EXIT.fail,
  log_unreadable: EXIT.fail,
  output_unwritable: EXIT.fail,
  evidence_unreadable: EXIT.usage,
  needs_confirmation: EXIT.refused,
  unsafe: EXIT.refused,
} as const satisfies Record<string, ExitCode>;

export type ErrorCode = keyof typeof ERROR_EXIT;
