import type { Channel, ChannelUser } from "../../src/relay/channel.ts";

/** The channel, but what it brought is gone as soon as it was handed over, as with the real one. */
export function lending(channel: Channel): Channel {
  const start = channel.start.bind(channel);
  channel.start = (user: ChannelUser) =>
    start({
      data: (bytes) => {
        const lent = Buffer.from(bytes);
        user.data(lent);
        lent.fill(0xa5);
      },
      drained: () => user.drained(),
      ended: () => user.ended(),
      failed: (error) => user.failed(error),
      gone: () => user.gone(),
    });
  return channel;
}
