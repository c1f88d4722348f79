// Drives JsSIP (globalThis JsSIP): a strict RFC 3261 phone by people who never saw the vendor's dialect.
"use strict";

const jssip = (() => {
  let agent;
  const sessions = [];
  const arrived = [];
  const waiting = [];

  function adopt(session) {
    const index = sessions.push(session) - 1;
    const once = (name) => new Promise((resolve) => session.once(name, resolve));
    session.confirmation = once("confirmed");
    session.ending = Promise.race([once("ended"), once("failed")]).then(({ cause, originator }) => ({ cause, originator }));
    return index;
  }

  function start({ server, uri, password, authorizationUser, realm }) {
    agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(server)],
      uri,
      password,
      authorization_user: authorizationUser,
      realm,
      session_timers: false,
      register: true,
    });
    agent.on("newRTCSession", ({ originator, session }) => {
      if (originator !== "remote") return;
      const index = adopt(session);
      const taker = waiting.shift();
      if (taker) taker(index);
      else arrived.push(index);
    });
    return new Promise((resolve, reject) => {
      agent.once("registered", () => resolve());
      agent.once("registrationFailed", ({ cause }) => reject(new Error(cause)));
      agent.start();
    });
  }

  function stop() {
    const gone = new Promise((resolve) => agent.once("unregistered", () => resolve()));
    agent.stop();
    return gone;
  }

  const media = { mediaConstraints: { audio: true, video: false } };

  return {
    start,
    stop,
    call: (target) => adopt(agent.call(target, media)),
    incoming: () =>
      arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)),
    answer: (index) => sessions[index].answer(media),
    confirmed: async (index) => void (await sessions[index].confirmation),
    ended: (index) => sessions[index].ending,
    hangup: (index) => sessions[index].terminate(),
    hold: (index) => new Promise((resolve) => sessions[index].hold({}, resolve)),
    unhold: (index) => new Promise((resolve) => sessions[index].unhold({}, resolve)),
    listen: (index, seconds) => audio.listen(sessions[index].connection, seconds),
  };
})();
