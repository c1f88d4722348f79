// Drives the vendor's phone (globalThis.WebPhone). One phone a page; calls are known by their index.
"use strict";

const webphone = (() => {
  let phone;
  const calls = []; // call sessions, in the order in which they appeared
  const arrived = []; // indexes of inbound calls that nobody has taken yet
  const waiting = []; // resolvers of `incoming`

  function adopt(session) {
    const index = calls.push(session) - 1;
    session.disposed = new Promise((resolve) => session.on("disposed", resolve));
    session.failure = "";
    session.on("failed", (subject) => (session.failure = subject));
    return index;
  }

  // An inbound call counts once its receipt was confirmed (Cmd 17), so that every exchange is seen in order.
  function announce(session) {
    const index = adopt(session);
    const confirm = session.confirmReceive.bind(session);
    session.confirmReceive = async () => {
      await confirm();
      const taker = waiting.shift();
      if (taker) taker(index);
      else arrived.push(index);
    };
  }

  async function start(options) {
    phone = new WebPhone(options);
    phone.on("inboundCall", announce);
    await phone.start();
  }

  const incoming = () =>
    arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve));

  // Returns the index as soon as the session exists; `placed` waits until the vendor's `call()` is done with it.
  function call(callee, callerId, headers) {
    let index;
    phone.once("outboundCall", (session) => (index = adopt(session)));
    const placed = phone.call(callee, callerId || undefined, { headers });
    calls[index].placed = placed;
    return index;
  }

  async function settled(index) {
    const session = calls[index];
    if (!["answered", "failed", "disposed"].includes(session.state))
      await new Promise((resolve) => ["answered", "failed", "disposed"].forEach((name) => session.on(name, resolve)));
    return session.failure ? "failed" : session.state;
  }

  async function ringing(index) {
    const session = calls[index];
    if (session.state === "init") await new Promise((resolve) => session.on("ringing", resolve));
  }

  async function connected(index) {
    const connection = calls[index].rtcPeerConnection;
    while (connection.connectionState !== "connected") {
      if (["failed", "closed"].includes(connection.connectionState)) throw new Error(connection.connectionState);
      await new Promise((resolve) => connection.addEventListener("connectionstatechange", resolve, { once: true }));
    }
  }

  function describe(index) {
    const { callId, sessionId, partyId, direction, state, failure, rcApiCallInfo, remotePeer, remoteNumber } = calls[index];
    return {
      callId, sessionId, partyId, direction, state, failure,
      rcApiCallInfo: rcApiCallInfo ?? null,
      remoteNumber: remotePeer ? remoteNumber : "",
    };
  }

  return {
    start, incoming, call, settled, ringing, connected, describe,
    stop: () => phone.dispose(),
    restart: () => phone.start(),
    unregister: () => phone.sipClient.unregister(),
    operate: (index, name, args) => calls[index][name](...args),
    placed: async (index) => void (await calls[index].placed),
    completeWarmTransfer: (index, other) => calls[index].completeWarmTransfer(calls[other]),
    disposed: (index) => calls[index].disposed,
    listen: (index, seconds) => audio.listen(calls[index].rtcPeerConnection, seconds),
  };
})();
