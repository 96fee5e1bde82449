// Sends each message of a JSON file with @medplum/hl7 and prints what came back, one JSON line each.
// node medplum.cjs FOLDER_WITH_NODE_MODULES PORT FILE
const { createRequire } = require('node:module');
const { readFileSync } = require('node:fs');
const [folder, port, file] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { Hl7Client } = load('@medplum/hl7');
const { Hl7Message } = load('@medplum/core');

async function main() {
  const client = new Hl7Client({ host: '127.0.0.1', port: Number(port), keepAlive: true });
  for (const text of JSON.parse(readFileSync(file, 'utf8'))) {
    const answer = await client.sendAndWait(Hl7Message.parse(text), { timeoutMs: 20000 });
    const msa = answer.getSegment('MSA');
    console.log(JSON.stringify([`${msa.getField(1)} ${msa.getField(2)}`]));
  }
  await client.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
