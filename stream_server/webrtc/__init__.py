"""WebRTC: sessions, peers, what is lost on the way, and who may send how much."""
