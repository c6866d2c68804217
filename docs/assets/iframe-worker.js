// The search without a server: browsers start no Worker from file://, so its script runs in a frame
// that is not shown. The offline plugin of mkdocs-material would load one from elsewhere; its search
// knows by the name IFrameWorker where to find its languages.
if (location.protocol === "file:")
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.inside = this.frame.contentWindow;
      // What a worker has and a page has not, then its own script.
      const shim = (self) => {
        self.postMessage = (data) => self.parent.postMessage(data, "*");
        self.importScripts = (...urls) =>
          urls.reduce((before, src) => before.then(() => new Promise((loaded, failed) => {
            const script = self.document.createElement("script");
            Object.assign(script, { src, onload: loaded, onerror: failed });
            self.document.body.append(script);
          })), Promise.resolve());
      };
      this.ready = new Promise((loaded) => (this.frame.onload = loaded));
      this.inside.document.open();
      this.inside.document.write(
        `<body><script>(${shim})(self)</script><script src="${new URL(url, location)}"></script>`);
      this.inside.document.close();
      this.heard = ({ source, data }) => {
        if (source === this.inside) this.dispatchEvent(new MessageEvent("message", { data }));
      };
      addEventListener("message", this.heard);
    }
    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      removeEventListener("message", this.heard);
      this.frame.remove();
    }
  };
