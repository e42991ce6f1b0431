import { connect, createSession } from "./outlive.js";
const url = "http://127.0.0.1:7878", session = await createSession(url);
const apply = (update) => { if (update.entry === "output") console.log(update.d); };
const client = connect({ url, session, apply });
await client.prompt("hello there");
