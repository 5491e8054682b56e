import { record } from "forebay";
import { ForebayProvider } from "forebay/react";
import { Recorder } from "./recorder.jsx";

/** A server component: the package is imported on the server, where recording does nothing. */
export default async function Page({ searchParams }) {
  const { config } = await searchParams;
  const { id } = record({ name: "RenderedOnTheServer" });
  return (
    <ForebayProvider config={JSON.parse(config)}>
      <p>{id}</p>
      <Recorder />
    </ForebayProvider>
  );
}
