import {
  cgi,
  type CgiLayer,
  type Environ,
  error,
  type Field,
  html,
  type Html,
  page,
  type Reply,
  Upload,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { layout } from './page.js';

/** Shows what arrived, the fields of the query and of the form in the order they came, and a form to send. */
async function answer(environ: Environ & CgiLayer): Promise<Reply> {
  const rows = await Promise.all(Array.from(environ['web.cgi'], rowOf));
  const content = html`
    <table>
      ${rows}
    </table>
    <form method="post" action="${environ.SCRIPT_NAME || '/'}" enctype="multipart/form-data">
      <label>Your name <input name="name" autocomplete="name" /></label>
      <label>A message <textarea name="message" rows="3"></textarea></label>
      <label>A file, up to 1 MiB <input type="file" name="file" /></label>
      <p class="buttons"><button>Send</button></p>
    </form>
  `;
  return page(layout(rows.length > 0 ? 'This arrived' : 'A form', content));
}

async function rowOf([name, field]: [name: string, field: Field]): Promise<Html> {
  const value = field instanceof Upload ? await describe(field) : field.value;
  return html`<tr>
    <th>${name}</th>
    <td>${value}</td>
  </tr>`;
}

/** The upload is in a temporary file until the reply has been sent. */
async function describe(upload: Upload): Promise<string> {
  if (upload.size === 0) return 'no file';
  const start = upload.type.startsWith('text/') ? (await upload.text()).slice(0, 300) : '';
  return `${upload.filename}, ${upload.type}, ${upload.size} bytes\n${start}`;
}

export const application = error(cgi(answer, { fileBytes: 1024 * 1024 }));

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(application, { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
