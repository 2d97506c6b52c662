/** Opens a camera or a shared window, and says in a sentence why it cannot. */

const SIZES = {
  "640x480": { width: 640, height: 480 },
  "1280x720": { width: 1280, height: 720 },
  "1920x1080": { width: 1920, height: 1080 },
};

export const sizes = Object.keys(SIZES);

/** Could not be opened; the message is for the person in front of the page. */
export class CaptureError extends Error {}

/** A camera's picture, at most 30 times a second. */
export async function openCamera({ deviceId, size }) {
  const { width, height } = SIZES[size] ?? SIZES["1280x720"];
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30, max: 30 } };
  if (deviceId) video.deviceId = { exact: deviceId };
  return open(() => navigator.mediaDevices.getUserMedia({ video, audio: false }), "camera");
}

/** A window, a tab or a screen that the person picks. */
export async function openShare() {
  const video = { frameRate: { ideal: 30, max: 30 }, width: { max: 1920 }, height: { max: 1080 } };
  const stream = await open(
    () => navigator.mediaDevices.getDisplayMedia({ video, audio: false, surfaceSwitching: "include" }),
    "share",
  );
  // Faces that move matter here, not sharp text.
  stream.getVideoTracks()[0].contentHint = "motion";
  return stream;
}

/** Cameras by name; names are empty until one of them was allowed. */
export async function cameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === "videoinput");
}

async function open(capture, what) {
  if (!navigator.mediaDevices || !window.RTCPeerConnection) {
    throw new CaptureError(
      "This browser gives a page the camera only over HTTPS or on localhost. Open the page as " +
        "http://localhost, or serve it over HTTPS.",
    );
  }
  try {
    return await capture();
  } catch (error) {
    throw new CaptureError(sentence(error, what));
  }
}

function sentence(error, what) {
  const thing = what === "camera" ? "camera" : "window";
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return what === "camera"
        ? "The camera was not allowed. Allow it in the browser's address bar and try again."
        : "Nothing was shared. Choose a window, a tab or a screen and try again.";
    case "NotFoundError":
      return "No camera was found. Connect one and try again.";
    case "OverconstrainedError":
      return "That camera cannot deliver this size. Choose another camera or a smaller size.";
    case "NotReadableError":
    case "AbortError":
      return `The ${thing} is in use by another program. Close it there and try again.`;
    default:
      return `The ${thing} could not be opened (${error.name}).`;
  }
}
