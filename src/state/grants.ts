import { type Privilege, type RoleNames, rolePrivileges } from '../core/privileges.js';
import { doBlock, quoteIdent, quoteLiteral } from '../core/sqltext.js';

/**
 * SQL that makes HandyRep's roles, without passwords, and gives them all that they need and no more. Superuser is not
 * needed afterwards. Can be run again; PostgreSQL 13 to 18. The grants on functions count in the database that they are
 * run in.
 */
export function roleStatements(names: RoleNames): string[] {
  const privileges = rolePrivileges(names);
  const grants = (fits: (one: Privilege) => boolean): readonly string[] =>
    privileges.filter(fits).map(({ grant }) => grant);
  const everywhere = ({ versions: [from, to] }: Privilege): boolean => from === 0 && to === Number.POSITIVE_INFINITY;
  return [
    createRole(names.handyrep_user),
    ...(names.replication_user === names.handyrep_user ? [] : [createRole(names.replication_user)]),
    ...grants(everywhere),
    byVersion(
      grants((one) => !everywhere(one) && one.versions[0] === 15),
      grants((one) => !everywhere(one) && one.versions[1] === 15),
    ),
  ];
}

function createRole(name: string): string {
  return doBlock(
    [
      'BEGIN',
      `  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(name)}) THEN`,
      `    CREATE ROLE ${quoteIdent(name)} LOGIN REPLICATION;`,
      '  END IF;',
      'END',
    ].join('\n'),
  );
}

/** Dynamic, since a version must not even parse what only the others know. */
function byVersion(since15: readonly string[], before15: readonly string[]): string {
  const execute = (statement: string): string => `    EXECUTE ${quoteLiteral(statement)};`;
  return doBlock(
    [
      'BEGIN',
      "  IF current_setting('server_version_num')::int >= 150000 THEN",
      ...since15.map(execute),
      '  ELSE',
      ...before15.map(execute),
      '  END IF;',
      'END',
    ].join('\n'),
  );
}
