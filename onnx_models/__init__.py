"""The models that come with fakewatch: `name.onnx` and its card, `name.toml`."""
