import { writeFile } from 'node:fs/promises';
import { jsonSchemaText } from './schema/config-file.ts';

// node config/write-json-schema.ts
await writeFile(new URL('../docs/rollback-config.schema.json', import.meta.url), jsonSchemaText());
