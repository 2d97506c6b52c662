"""A real RTSP camera: GStreamer's server, run by the system's Python and steered through stdin.

    /usr/bin/python3 tests/rtsp_server.py '{"mounts": {"/live": {"pattern": "ball"}}}'

It prints `ready PORT`. A mount shows a test pattern, or loops over numbered raw pictures
(`frames`: a printf pattern of I420 files). Commands, one a line: `stall MOUNT`, `resume MOUNT`,
`pattern MOUNT NAME`, `size MOUNT WIDTH HEIGHT`. The end of stdin ends the server, so that none
outlives its test.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - the versions come first

ENCODER = "x264enc tune=zerolatency speed-preset=ultrafast bitrate=1000"


class Mount:
    """One path of the server, with the settings that survive a reconnect."""

    def __init__(self, facts):
        self.width, self.height = facts.get("width", 320), facts.get("height", 240)
        self.fps = facts.get("fps", 30)
        self.pattern = facts.get("pattern", "ball")
        self.frames = facts.get("frames")
        self.encoder = facts.get("encoder", f"{ENCODER} key-int-max={facts.get('gop', 15)}")
        self.payloader = facts.get("payloader", "rtph264pay config-interval=1")
        self.stalled = False
        self.elements = []

    @property
    def caps(self):
        size = f"width={self.width},height={self.height},framerate={self.fps}/1"
        return f"video/x-raw,format=I420,{size}"

    def factory(self):
        if self.frames:
            size = f"width={self.width} height={self.height} framerate={self.fps}/1"
            parse = f"rawvideoparse format=i420 {size} ! identity sync=true"
            source = f"multifilesrc location={self.frames} loop=true ! {parse}"
        else:
            source = (
                f"videotestsrc name=source is-live=true ! capsfilter name=size caps={self.caps}"
            )
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(
            f"( {source} ! {self.encoder} ! valve name=valve ! {self.payloader} name=pay0 )"
        )
        factory.set_shared(True)
        factory.set_latency(0)
        factory.connect("media-configure", self.configure)
        return factory

    def configure(self, _factory, media):
        pipeline = media.get_element()
        self.elements.append(pipeline)
        self.apply()

    def apply(self):
        for pipeline in self.elements[-1:]:
            pipeline.get_by_name("valve").set_property("drop", self.stalled)
            if self.frames:
                continue
            pipeline.get_by_name("size").set_property("caps", Gst.Caps.from_string(self.caps))
            Gst.util_set_object_arg(pipeline.get_by_name("source"), "pattern", self.pattern)

    def obey(self, verb, words):
        if verb in ("stall", "resume"):
            self.stalled = verb == "stall"
        elif verb == "pattern":
            (self.pattern,) = words
        elif verb == "size":
            self.width, self.height = map(int, words)
        self.apply()


def authentication(facts):
    """Digest unless "basic" is asked for."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if facts.get("auth") == "basic":
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(facts["user"], facts["password"]), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(facts["user"], facts["password"], token)
    return auth


def main():
    facts = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(facts.get("port", 0)))
    mounts = {path: Mount(mount) for path, mount in facts["mounts"].items()}
    for path, mount in mounts.items():
        factory = mount.factory()
        if "user" in facts:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("user", "media.factory.access", True)
            permissions.add_permission_for_role("user", "media.factory.construct", True)
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory(path, factory)
    if "user" in facts:
        server.set_auth(authentication(facts))
    if server.attach(None) == 0:
        raise SystemExit("the port is taken")
    loop = GLib.MainLoop()

    def command(channel, _condition):
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        verb, path, *words = line.split()
        mounts[path].obey(verb, words)
        return True

    GLib.io_add_watch(0, GLib.IO_IN | GLib.IO_HUP, command)
    sys.stdout.write(f"ready {server.get_bound_port()}\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
