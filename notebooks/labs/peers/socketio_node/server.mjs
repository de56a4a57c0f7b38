// The same chat on Node's Socket.IO, with its Redis adapter: a peer for scripts/bench.sh.
// Takes a listening socket over, whose number is its one argument.

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

const publisher = new Redis(process.env.REDIS_URL);
const http = createServer();
const server = new Server(http, { adapter: createAdapter(publisher, publisher.duplicate()) });

server.on("connection", (socket) => {
  socket.on("join", async (roomName) => {
    socket.data.roomName = roomName;
    await socket.join(roomName);
    socket.emit("joined", roomName);
  });
  socket.on("post", (text) => server.to(socket.data.roomName).emit("message", text));
});

http.listen({ fd: Number(process.argv[2]) });
