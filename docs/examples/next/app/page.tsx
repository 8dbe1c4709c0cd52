import Reading from './reading';

export default function Page() {
  return (
    <main>
      <h1>A chest X-ray</h1>
      <Reading />
    </main>
  );
}
