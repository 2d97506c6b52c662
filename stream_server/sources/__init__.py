"""Where frames come from: one file a type, `Config` and `build(config, stream_id, epoch)`."""
