// Steps as the shell scripts of this suite have them: a title, something done, and what must be true of it.

import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";

/** One step: passes unless its block throws. A failed step does not end the program. */
export async function step(title, block) {
  const begun = performance.now();
  let problem;
  try {
    await block();
  } catch (error) {
    problem = error;
  }
  const took = String(Math.round(performance.now() - begun)).padStart(6);
  console.log(`${problem ? "FAIL" : "ok  "}  ${took} ms  ${title}`);
  if (problem) {
    const lines = String(problem.stack ?? problem).split("\n").slice(0, 14);
    console.log(lines.map((line) => `        | ${line.slice(0, 400)}`).join("\n"));
  }
  appendFileSync(process.env.RESULTS, problem ? "fail\n" : "pass\n");
}

/** What is asked must end in an answer of this status, and the SDK must find this code in it. */
export async function refused(status, code, ask) {
  await assert.rejects(ask, (error) => {
    assert.deepEqual([error.statusCode, error.code], [status, code], error.message);
    return true;
  });
}

/** Everything that a paged list holds, through all of its pages. */
export async function all(pages) {
  const found = [];
  for await (const item of pages) found.push(item);
  return found;
}

/** The names in a paged list, in their order. */
export async function names(pages) {
  return (await all(pages)).map((item) => item.name).sort();
}
