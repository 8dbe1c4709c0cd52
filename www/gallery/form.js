// @ts-check
/** Shows what a form would send, instead of sending it. */

const [form] = document.querySelectorAll('form');
const [output] = document.querySelectorAll('output');

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const sent = new FormData(form);
  const report = JSON.parse(String(sent.get('report') ?? 'null'));
  output.textContent = report ? `Sent: "${sent.get('question')}" with ${report.finding}, ${report.model}` : 'There is no report yet: try a sample first.';
});
