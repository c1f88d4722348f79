// Bare RTCPeerConnections: Chromium's own media, without any signalling.
"use strict";

const peer = (() => {
  const peers = [];

  async function open(codecs) {
    const connection = new RTCPeerConnection();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    connection.addTrack(stream.getAudioTracks()[0], stream);
    const index = peers.push(connection) - 1;
    if (codecs) prefer(index, codecs);
    return index;
  }

  // `codecs`: names like "opus", in order of preference; of the rest only telephone-event is spoken.
  function prefer(index, codecs) {
    const capabilities = RTCRtpReceiver.getCapabilities("audio").codecs;
    const named = (name) => capabilities.filter(({ mimeType }) => mimeType.toLowerCase() === `audio/${name.toLowerCase()}`);
    peers[index].getTransceivers()[0].setCodecPreferences([...codecs, "telephone-event"].flatMap(named));
  }

  const addVideo = (index) => void peers[index].addTransceiver("video", { direction: "recvonly" });

  async function gathered(connection) {
    while (connection.iceGatheringState !== "complete")
      await new Promise((resolve) => connection.addEventListener("icegatheringstatechange", resolve, { once: true }));
    return connection.localDescription.sdp;
  }

  async function offer(index, { iceRestart = false, direction } = {}) {
    const connection = peers[index];
    if (direction) connection.getTransceivers()[0].direction = direction;
    await connection.setLocalDescription(await connection.createOffer({ iceRestart }));
    return gathered(connection);
  }

  async function answer(index, sdp) {
    const connection = peers[index];
    await connection.setRemoteDescription({ type: "offer", sdp });
    await connection.setLocalDescription(await connection.createAnswer());
    return gathered(connection);
  }

  const accept = (index, sdp) => peers[index].setRemoteDescription({ type: "answer", sdp });

  async function connected(index) {
    const connection = peers[index];
    while (connection.connectionState !== "connected") {
      if (["failed", "closed"].includes(connection.connectionState)) throw new Error(connection.connectionState);
      await new Promise((resolve) => connection.addEventListener("connectionstatechange", resolve, { once: true }));
    }
  }

  const listen = (index, seconds) => audio.listen(peers[index], seconds);

  // Resolves when the last tone went out.
  function dial(index, tones, duration, gap) {
    const { dtmf } = peers[index].getSenders()[0];
    const done = new Promise((resolve) => dtmf.addEventListener("tonechange", ({ tone }) => tone === "" && resolve()));
    dtmf.insertDTMF(tones, duration, gap);
    return done;
  }

  // What Chromium counts about the audio that it receives: packets, losses, jitter in seconds, the codec in use.
  async function received(index) {
    const stats = [...(await peers[index].getStats()).values()];
    const inbound = stats.find(({ type }) => type === "inbound-rtp");
    const codec = stats.find(({ id }) => id === inbound.codecId);
    return { ...inbound, codec: codec.mimeType };
  }

  // What the other side reported about the packets that it got from Chromium (RTCP), once it did.
  async function reported(index) {
    for (;;) {
      const stats = [...(await peers[index].getStats()).values()];
      const report = stats.find(({ type }) => type === "remote-inbound-rtp");
      if (report) return report;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  const close = (index) => peers[index].close();
  return { open, prefer, addVideo, offer, answer, accept, connected, listen, dial, received, reported, close };
})();
