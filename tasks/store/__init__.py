"""Where artifacts lie: blobs in a folder or at S3, a local cache, and what was accepted before."""
