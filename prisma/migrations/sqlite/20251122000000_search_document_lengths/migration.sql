-- Of the many documents that a question may name, the shortest are looked at. Their lengths are read here, some
-- twenty bytes for each document, and not from the documents themselves. New documents come last: a write is cheap.
CREATE INDEX "search_document_lengths" ON "search_document" ("id", "length", "video_id");
