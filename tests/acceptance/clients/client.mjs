// Ask for an analysis from Node, and print the event that comes back.
//   BROKER=amqp://… CONVENER_TOKEN=… node client.mjs root/path

import { randomUUID } from "node:crypto";
import amqp from "amqplib";

const event = {
  specversion: "1.0",
  id: randomUUID(),
  source: "shop/node",
  type: "convener.analysis.requested.v1",
  data: { datasets: [{ location: process.argv[2] }], question: "Is it fit for use?" },
};

const connection = await amqp.connect(process.env.BROKER);
const channel = await connection.createConfirmChannel();
const { queue } = await channel.assertQueue("", { exclusive: true });
const answered = new Promise((resolve, reject) => {
  channel.on("return", () => reject(new Error("nobody listens")));
  channel.consume(queue, resolve, { noAck: true });
});
channel.publish("convener", "analysis.requested", Buffer.from(JSON.stringify(event)), {
  contentType: "application/cloudevents+json",
  correlationId: "node-7",
  headers: { "convener-token": process.env.CONVENER_TOKEN },
  mandatory: true,
  persistent: true,
  replyTo: queue,
});
const { content, properties } = await answered;
process.stdout.write(JSON.stringify({ event: JSON.parse(content), properties }));
await connection.close();
