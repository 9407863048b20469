"""What runs on a rack: the demo's job, measurements, reproductions of papers."""
