-- A longer list (KiB) of what is not yet sorted in. GIN writes the documents of a word anew wherever it sorts some in,
-- so sorting in four times as many at once halves the cost of each; a search reads a full list in 2 ms. When nothing
-- more is written, the service sorts in what there is.
ALTER INDEX "search_document_vector_idx" SET (gin_pending_list_limit = 2048);
