async (seconds) => {
  const video = document.querySelector("fw-stage video");
  const canvas = new OffscreenCanvas(640, 48);
  const ctx = canvas.getContext("2d", { willReadFrequently: true });
  const rows = [];
  const endMs = performance.now() + seconds * 1000;
  const markerX = () => {
    ctx.drawImage(video, 0, 0, 640, 48, 0, 0, 640, 48);
    const { data } = ctx.getImageData(0, 0, 640, 48);
    let count = 0;
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i] > 170 && data[i + 1] < 90 && data[i + 2] > 170) {
        count += 1;
        sum += (i / 4) % 640;
      }
    }
    return count > 100 ? sum / count : null;
  };
  await new Promise((done) => {
    const onFrame = () => {
      const face = markerX();
      const [box] = fakewatch.stage.drawn;
      if (face !== null && box) rows.push({ face, box: box.x, width: box.w });
      if (performance.now() < endMs) video.requestVideoFrameCallback(onFrame);
      else done();
    };
    video.requestVideoFrameCallback(onFrame);
  });
  return rows;
}
