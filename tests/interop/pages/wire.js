// Every WebSocket frame of the page, in the order in which it went over the wire.
"use strict";

const wire = (() => {
  const frames = [];
  const NativeSocket = window.WebSocket;
  window.WebSocket = class WebSocket extends NativeSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => frames.push(["in", data]));
    }
    send(data) {
      frames.push(["out", data]);
      return super.send(data);
    }
  };
  return { frames };
})();
