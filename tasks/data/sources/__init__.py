"""What sources of every modality share: places on disk or S3, tables, splits, labels, shards."""
