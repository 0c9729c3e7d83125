export const offline = {
  updateReady: "A new version of this app is ready.",
  updateAfterAnswer: "A new version is ready, and can be opened after this answer.",
  update: "Reload",
  install: "Install as an app",
};
