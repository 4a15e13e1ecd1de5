// Tells the tmux pane of OpenCode which conversation is in it: the option @evermux-resume.
import { spawn } from "node:child_process"

const tell = (about) =>
  new Promise((done) => {
    try {
      const child = spawn("EVERMUX", ["assistant-hook", "opencode"], { stdio: ["pipe", "ignore", "ignore"] })
      child.on("error", done)
      child.on("close", done)
      child.stdin.on("error", () => {})
      child.stdin.end(JSON.stringify(about))
    } catch {
      done()
    }
  })

export const Evermux = async () => {
  if (!process.env.TMUX_PANE) return {}
  // Conversations that others began, for parts of their work.
  const parts = new Set()
  let known
  let last = Promise.resolve()
  const enter = (id) => {
    if (typeof id !== "string" || id === known || parts.has(id)) return
    known = id
    last = last.then(() => tell({ hook_event_name: "SessionStart", session_id: id }))
  }
  // What an earlier OpenCode in this pane has told is over.
  last = tell({ hook_event_name: "SessionEnd" })
  return {
    event: async ({ event }) => {
      const info = event?.properties?.info
      if (event?.type !== "session.created" && event?.type !== "session.updated") return
      if (info?.parentID) parts.add(info.id)
      else if (event.type === "session.created") enter(info?.id)
    },
    // Somebody has written into a conversation: it is the one that is looked at.
    "chat.message": async (input) => enter(input?.sessionID),
  }
}
