// Sends each message or batch of a JSON file with node-hl7-client and prints what came back, one JSON line each.
// node node_hl7.cjs FOLDER_WITH_NODE_MODULES PORT FILE
const { createRequire } = require('node:module');
const { readFileSync } = require('node:fs');
const [folder, port, file] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const hl7 = load('node-hl7-client');
const Client = hl7.Client || hl7.default;

async function main() {
  const client = new Client({ host: '127.0.0.1' });
  let said = [];
  const connection = client.createConnection({ port: Number(port) }, (response) => {
    const raw = response.getMessage().toString();
    for (const line of raw.split('\r').filter((each) => each.startsWith('MSA'))) {
      said.push(line.split('|').slice(1, 3).join(' '));
    }
  });
  await new Promise((resolve) => connection.once('connect', resolve));
  for (const text of JSON.parse(readFileSync(file, 'utf8'))) {
    said = [];
    const isBatch = text.startsWith('BHS');
    await connection.sendMessage(isBatch ? new hl7.Batch({ text }) : new hl7.Message({ text }));
    // The client hands out the acknowledgements of a batch one by one.
    for (let tries = 0; tries < 400 && said.length < (isBatch ? 2 : 1); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    console.log(JSON.stringify(said));
  }
  await connection.close();
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
