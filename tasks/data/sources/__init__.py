"""Where images come from: the bundled digits, parquet, image folders, CSV; on disk or S3."""
