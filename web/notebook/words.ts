/** What the widget tells a person, outside of the frame. */

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$|\.localhost$/;

export const words = {
  connecting: "Connecting to Python…",
  waiting: "Waiting for Python: it answers when the cell that it runs has finished.",
  busy: "Python is running a cell. The answers come when it has finished.",
  silent: "Python does not answer. If the kernel was restarted or stopped, run this cell again.",
  dead: "the kernel was restarted or stopped; run this cell again",
  startAgain: "Start again",
  over: (reason: string): string => `The connection to Python is closed: ${reason}.`,
  crashed: (reason: string): string => `The engine in this page stopped: ${reason}.`,
  insecure: (origin: string): string =>
    `This notebook is open at ${origin}, which is not secure, and browsers offer no GPU to such pages. Open it over https, or forward its port to this machine (ssh -L 8888:localhost:8888 …) and open http://localhost:8888.`,
  nothingKept: (origin: string): string =>
    `This browser keeps nothing for ${origin} inside of this notebook, because it is another site: models run slower and are fetched each time. Allow third-party cookies for this notebook, or put the site at the notebook's own address.`,
  noFrame: (site: URL, hostname: string): string => {
    if (!LOOPBACK.test(site.hostname)) {
      return `The page at ${site.origin}${site.pathname} does not start. Check that the address has a site that \`browserllm build\` of this release wrote, and that this notebook may show it in a frame.`;
    }
    const elsewhere = LOOPBACK.test(hostname) || hostname === "" ? "" : ` This notebook is at ${hostname}, so its kernel probably runs on another machine.`;
    return `This browser cannot show the page that the kernel serves at ${site.origin}.${elsewhere} If the kernel is on another machine, or this notebook allows no frames of http, put a site where this browser can reach it (\`browserllm build DIR\`) and write ChatApp(site="https://…").`;
  },
};
