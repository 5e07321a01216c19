-- A large import is one transaction, in which tables grow from a page to thousands. PostgreSQL's statistics come from
-- autovacuum, which sees nothing of a transaction that runs: plans for a table of a page would read all of it for each
-- record.

-- Plans of this function have no parameters, are made once for a connection, and kept.
ALTER FUNCTION "change_log_created"() SET enable_seqscan = off;

-- Called between the portions of an import. Analyzes the tables that are twice as large as they were when they last
-- were analyzed; but not where another does so, as that would wait for the end of his transaction. By the owner of the
-- tables: nobody else may.
CREATE FUNCTION "analyze_grown_tables"() RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    "grown" regclass;
BEGIN
    FOR "grown" IN
        SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
            AND relname IN ('video_analysis', 'segment', 'video_tag', 'video_person', 'tag', 'person', 'change_log')
            AND pg_relation_size(oid) > 2 * current_setting('block_size')::bigint * greatest(relpages, 8)
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', "grown");
    END LOOP;
END $$;
