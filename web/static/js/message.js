// The messages left in one call: what is played is marked as heard.
import { patch } from "./api.js";
import { toast } from "./dom.js";

for (const audio of document.querySelectorAll("[data-message]")) {
  audio.addEventListener("playing", async () => {
    const row = audio.closest("[data-state]");
    if (row.dataset.state !== "new") return;
    try {
      await patch(`/voicemails/${audio.dataset.message}`, { heard: true });
      row.dataset.state = "heard";
      row.querySelector("[data-new-mark]")?.remove();
      document.dispatchEvent(new Event("callcard:voicemail"));
    } catch (problem) {
      toast(problem.message, { kind: "error" });
    }
  }, { once: true });
}
if (location.hash === "#voicemail") document.querySelector("[data-message]")?.focus();
