/** Files that go with a message: their names, and what the model reads of them. */
import { useEffect, useState } from "preact/hooks";
import type { Attachment } from "../conversation/types";
import { later } from "../later";
import { ScrolledTable } from "../markdown/Table";
import { number, words } from "../words";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";

/** Characters of a file that are shown at first, and rows of a table that are shown at all. */
const SHOWN = 20_000;
const ROWS = 200;

const csv = later(async () => (await import("papaparse")).default);

export function Files({ files, remove }: { files: Attachment[]; remove?: (index: number) => void }) {
  const w = words.value;
  const [open, setOpen] = useState<Attachment | null>(null);
  if (files.length === 0) return null;
  return (
    <>
      <ul class="files" aria-label={w.attached}>
        {files.map((file, index) => (
          <li key={index} class="file">
            <button type="button" class="file-name" title={file.name} onClick={() => setOpen(file)}>
              <Icon name="file" />
              <span>{file.name}</span>
              <small>{size(file.size)}</small>
            </button>
            {remove && (
              <button type="button" class="icon-button" title={w.detach(file.name)} aria-label={w.detach(file.name)} onClick={() => remove(index)}>
                <Icon name="close" />
              </button>
            )}
          </li>
        ))}
      </ul>
      {open && <Contents file={open} close={() => setOpen(null)} />}
    </>
  );
}

function Contents({ file, close }: { file: Attachment; close: () => void }) {
  const w = words.value;
  const [asTable, setAsTable] = useState(file.kind === "table");
  const [whole, setWhole] = useState(file.text.length <= SHOWN);
  return (
    <Dialog title={file.name} place="wide" close={close}>
      {file.kind === "table" && (
        <div class="choices">
          <button type="button" class="button" onClick={() => setAsTable(!asTable)}>
            {asTable ? w.asText : w.asTable}
          </button>
        </div>
      )}
      {asTable ? <Rows text={file.text} /> : <pre class="contents">{whole ? file.text : file.text.slice(0, SHOWN)}</pre>}
      {!asTable && !whole && (
        <button type="button" class="link" onClick={() => setWhole(true)}>
          {w.showWhole(number(file.text.length))}
        </button>
      )}
    </Dialog>
  );
}

function Rows({ text }: { text: string }) {
  const parser = csv();
  const [rows, setRows] = useState<string[][]>([]);
  useEffect(() => {
    if (parser) setRows(parser.parse<string[]>(text, { preview: ROWS + 1, skipEmptyLines: true }).data);
  }, [parser, text]);
  const [head, ...rest] = rows;
  if (!head) return null;
  return (
    <div class="markdown">
      <ScrolledTable label={words.value.asTable}>
        <thead>
          <tr>
            {head.map((cell, index) => (
              <th key={index}>{cell}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rest.map((row, index) => (
            <tr key={index}>
              {row.map((cell, at) => (
                <td key={at}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </ScrolledTable>
      {rows.length > ROWS && <p class="hint">{words.value.firstRows(number(ROWS))}</p>}
    </div>
  );
}

function size(bytes: number): string {
  if (bytes < 1000) return `${number(bytes)} B`;
  return bytes < 1_000_000 ? `${number(bytes / 1000)} kB` : `${number(bytes / 1_000_000, 1)} MB`;
}
