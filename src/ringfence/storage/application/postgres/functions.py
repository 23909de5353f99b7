"""The functions that policies call, and the key that they verify with.

Two schemas, both the owner's: ``ringfence_identity`` holds the key and is closed to the
application; ``ringfence_rows`` holds the functions, and the application may run those that tell it
about itself. Those that read the key or a table of members run with the owner's rights
(SECURITY DEFINER) and an empty ``search_path``, so that no object of the caller's takes the place
of one that they mean.

HMAC is built of ``sha256()`` (RFC 2104), which every PostgreSQL has; pgcrypto is not needed. The
signatures are compared by their digests, so that the time it takes tells nothing of the right one.
"""

from typing import Final

#: Statements that make both anew. The key stays.
MADE: Final = (
    "CREATE SCHEMA IF NOT EXISTS ringfence_identity",
    "CREATE SCHEMA IF NOT EXISTS ringfence_rows",
    "REVOKE ALL ON SCHEMA ringfence_identity, ringfence_rows FROM PUBLIC",
    """\
CREATE TABLE IF NOT EXISTS ringfence_identity.keys
  (inside bytea NOT NULL, outside bytea NOT NULL)""",
    "REVOKE ALL ON ringfence_identity.keys FROM PUBLIC",
    """\
CREATE FUNCTION ringfence_rows.challenge() RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED AS $$
  SELECT pg_catalog.pg_backend_pid()::text || '|' ||
    (EXTRACT(epoch FROM pg_catalog.transaction_timestamp()) * 1000000)::bigint::text
$$""",
    """\
CREATE FUNCTION ringfence_rows.identity() RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = '' AS $$
  SELECT given.identity
  FROM (
    SELECT left(setting, 64) AS signature, substr(setting, 65) AS identity
    FROM current_setting('ringfence.identity', true) AS setting
  ) AS given
  WHERE EXISTS (
    SELECT FROM ringfence_identity.keys AS key
    WHERE sha256(convert_to(given.signature, 'UTF8')) = sha256(convert_to(encode(
      sha256(key.outside || sha256(key.inside ||
        convert_to(ringfence_rows.challenge() || '|' || given.identity, 'UTF8'))),
      'hex'), 'UTF8'))
  )
$$""",
    """\
CREATE FUNCTION ringfence_rows.subject() RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = '' AS $$
  SELECT substr(identity, 2) FROM ringfence_rows.identity() AS identity
  WHERE left(identity, 1) = 's'
$$""",
    """\
CREATE FUNCTION ringfence_rows.everybody() RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = '' AS $$
  SELECT coalesce(ringfence_rows.identity() = 'e', false)
$$""",
    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ringfence_rows FROM PUBLIC",
)

#: What an earlier run has made; the key's table is not among it.
CLEARED: Final = """\
DO $$
DECLARE found record;
BEGIN
  FOR found IN
    SELECT polname, polrelid::regclass AS on_table FROM pg_policy
    WHERE polname LIKE 'ringfence\\_%'
  LOOP
    EXECUTE format('DROP POLICY %I ON %s', found.polname, found.on_table);
  END LOOP;
  FOR found IN
    SELECT oid::regprocedure AS function FROM pg_proc
    WHERE pronamespace = to_regnamespace('ringfence_rows')
  LOOP
    EXECUTE format('DROP FUNCTION %s', found.function);
  END LOOP;
END $$"""


def refused(names: str) -> str:
    """Takes functions from everybody, where a superuser asks; ``names`` are literals of SQL."""
    return _REFUSED.format(names=names)


_REFUSED: Final = """\
DO $$
DECLARE found record;
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    FOR found IN SELECT oid::regprocedure AS function FROM pg_proc WHERE proname IN ({names})
    LOOP
      EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found.function);
    END LOOP;
  END IF;
END $$"""
