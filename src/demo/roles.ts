/** Roles of every throwaway cluster; `app` is the application whose writes are watched. */
export const ROLES = {
  superuser: 'postgres',
  handyrep_user: 'handyrep',
  replication_user: 'replicator',
  app: 'app',
} as const;
