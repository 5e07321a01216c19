-- PostgreSQL plans by statistics, which autovacuum makes once a minute, and of which it makes none in a transaction
-- that runs. An import is one transaction, and the indexes follow it within seconds: tables grow from a page to
-- thousands, and plans for a table of a page read all of it for each record.

-- Plans of this function have no parameters, are made once for a connection, and kept.
ALTER FUNCTION "change_log_created"() SET enable_seqscan = off;

-- Called between the portions of such work. Analyzes the tables that are twice as large as they were when they last
-- were analyzed; but not where another does so, as that would wait for the end of his transaction. By the owner of the
-- tables: nobody else may. The queue of the search index is left out: it is emptied as fast as it grows.
CREATE FUNCTION "analyze_grown_tables"() RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    "grown" regclass;
BEGIN
    FOR "grown" IN
        SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relowner = current_user::regrole
            AND relname <> 'search_queue'
            AND pg_relation_size(oid) > 2 * current_setting('block_size')::bigint * greatest(relpages, 8)
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', "grown");
    END LOOP;
END $$;
