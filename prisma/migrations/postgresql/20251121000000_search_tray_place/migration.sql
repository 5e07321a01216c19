-- PostgreSQL clears away what is deleted much later, and until then whoever looks for the first notes of
-- search_tray goes through all that were there. So a note says which transaction left it, and "taken" says
-- before which one all are taken in: that of the oldest transaction that may still leave one.
ALTER TABLE "search_tray"
    ADD COLUMN "xid" xid8 NOT NULL DEFAULT pg_current_xact_id(),
    DROP CONSTRAINT "search_tray_pkey",
    ADD PRIMARY KEY ("xid", "id");
ALTER TABLE "search_total" ADD COLUMN "taken" xid8 NOT NULL DEFAULT '0';
