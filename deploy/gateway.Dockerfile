# The gateway. Built from the folder of bot.py: docker build -f deploy/gateway.Dockerfile -t roomsync-gateway .
FROM node:22-slim
WORKDIR /opt/room-sync/deploy/gateway
COPY deploy/gateway/package.json deploy/gateway/package-lock.json deploy/gateway/.npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY deploy/gateway/gateway.mjs ./
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/roomsync-gateway roomsync
USER 10001
ENV GATEWAY_STATE=/var/lib/roomsync-gateway/login GATEWAY_LISTEN=0.0.0.0:8788
VOLUME /var/lib/roomsync-gateway
CMD ["node", "gateway.mjs"]
