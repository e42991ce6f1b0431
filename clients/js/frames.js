// What a server's frame must be before the client acts on it: each field of the right type and range, as the client in
// Rust reads it (crates/client/src/frame.rs). A frame that is anything else is passed over, and so is one of a kind that
// this client does not know. tests/wire/server-frames.json holds the two clients together.

import { table } from "./table.js";

const MOST = Number.MAX_SAFE_INTEGER; // the largest place of a log, and the largest number of a prompt

const isText = (value) => typeof value === "string" && !/[\ud800-\udfff]/u.test(value); // half of a pair is no text
const isFlag = (value) => typeof value === "boolean";
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (least, most) => (value) => Number.isInteger(value) && value >= least && value <= most;
const isPlace = isNumber(0, MOST);
const isPromptNumber = isNumber(1, MOST);
const isU32 = isNumber(0, 2 ** 32 - 1);
const isLog = (value) => isText(value) && /^0*[0-9a-f]{1,16}$/.test(value);
const isIn = (words) => (value) => isText(value) && words.includes(value);
const isList = (is) => (value) => Array.isArray(value) && value.every(is);
const isRange = (value) => isList(isU32)(value) && value.length === 2;
const orNone = (is) => (value) => value === undefined || value === null || is(value);
const orMissing = (is) => (value) => value === undefined || is(value);

/** Whether it is an object with these fields; what else it has does not count. */
const has = (fields) => (value) => isObject(value) && Object.entries(fields).every(([name, is]) => is(value[name]));

const OUTCOMES = new Map(Object.entries({
  resumed: has({ from: isPlace }),
  gap: has({ lost_from: isPlace, lost_to: isPlace }),
  reset: has({ why: isIn(table.reset_reasons) }),
}));

function isOutcome(value) {
  if (value === "fresh") return true;
  if (!isObject(value)) return false;
  const said = Object.entries(value);
  return said.length === 1 && (OUTCOMES.get(said[0][0])?.(said[0][1]) ?? false);
}

const isRefusal = has({
  what: isText, n: orNone(isPromptNumber), reason: isText, rule: orNone(isText),
  expected: orNone(isPromptNumber), message: orMissing(isText),
});

const FRAMES = new Map(Object.entries({
  welcome: has({
    connection: isText, log: isLog, base: isPlace, head: isPlace, state: isIn(table.session_states), incarnation: isU32,
    turn: orNone(isPlace), queue: isList(isPlace), asks: isList(isPlace), high: orNone(isPromptNumber),
    outcome: isOutcome, ping_ms: isU32,
  }),
  ev: (frame) => cursorOf(frame.id) !== null,
  gap: has({ lost_from: isPlace, lost_to: isPlace }),
  accepted: has({ n: isPromptNumber, seq: isPlace, again: isFlag, incarnation: isU32 }),
  refused: (frame) => isRefusal(frame) && (frame.what !== "prompt" || isPromptNumber(frame.n)),
  goaway: has({ retry_after_ms: isRange }),
  error: has({ message: isText }),
  ping: () => true,
  pong: () => true,
}));

/** A log's id as the server writes it. */
const logId = (text) => text.replace(/^0+(?=.)/, "");

/** A cursor's log and place; null for what is no cursor. */
export function cursorOf(value) {
  const parts = isText(value) ? /^0*([0-9a-f]{1,16})\.([0-9]+)$/.exec(value) : null;
  if (!parts || !isPlace(Number(parts[2]))) return null;
  return { log: logId(parts[1]), seq: Number(parts[2]) };
}

/** The frame in a message; null for what is none, or none that this client knows. */
export function readFrame(message) {
  if (!isText(message)) return null;
  let frame;
  try {
    frame = JSON.parse(message);
  } catch {
    return null;
  }
  if (!isObject(frame) || !FRAMES.get(frame.t)?.(frame)) return null;
  return frame.t === "welcome" ? { ...frame, log: logId(frame.log) } : frame;
}

/** Whether an entry tells of the end of a life of the session, as `closing` and `end` do. */
export const tellsOfLife = ({ entry, incarnation }) =>
  (entry === "closing" || entry === "end") && isU32(incarnation);
