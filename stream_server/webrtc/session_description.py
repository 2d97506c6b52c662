"""Session descriptions (SDP, RFC 8866) as text: what we take from an offer and add to an answer."""

import re

MAX_OFFER_BYTES = 64 * 1024
MAX_CANDIDATES = 32
"""More addresses than a real machine has; each one would be sent packets."""

_CODEC = re.compile(r"^a=rtpmap:(\d+) (H264|VP8)/90000$", re.IGNORECASE)


def clean_offer(offer: str) -> str:
    """Strip an offer of what must not or need not be acted upon.

    - `.local` candidates (mDNS) would send multicast into the network for a second; a browser
      behind such a name is learned from its own first packet (RFC 8445, 7.3.1.3).
    - "end of candidates" would end the wait for exactly that packet.
    - Candidates beyond `MAX_CANDIDATES` would make us a sender of packets to strangers.
    """
    kept, candidates = [], 0
    for line in offer.splitlines():
        if line.startswith("a=end-of-candidates"):
            continue
        if line.startswith("a=candidate:"):
            candidates += 1
            if candidates > MAX_CANDIDATES or ".local " in line or " udp " not in line.lower():
                continue
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def with_start_bitrate(answer: str, start_kbps: int) -> str:
    """Add Chromium's `x-google-start-bitrate` to every video codec of an answer.

    Chromium reads it from the answer only, and starts at 300 kbit/s without it.
    """
    lines = answer.splitlines()
    codecs = {found[1] for line in lines if (found := _CODEC.match(line))}
    hint = f"x-google-start-bitrate={start_kbps}"
    out, hinted = [], set()
    for line in lines:
        payload_type = line.removeprefix("a=fmtp:").partition(" ")[0]
        if line.startswith("a=fmtp:") and payload_type in codecs:
            line = f"{line};{hint}"  # noqa: PLW2901 - the line is what is rewritten
            hinted.add(payload_type)
        out.append(line)
    for payload_type in sorted(codecs - hinted):
        at = next(i for i, line in enumerate(out) if line.startswith(f"a=rtpmap:{payload_type} "))
        out.insert(at + 1, f"a=fmtp:{payload_type} {hint}")
    return "\r\n".join(out) + "\r\n"
