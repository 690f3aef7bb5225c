# The bot. Built from the folder of bot.py: docker build -f deploy/bot.Dockerfile -t roomsync .
FROM python:3.13-slim
WORKDIR /opt/room-sync
COPY requirements.txt requirements-qr.txt ./
RUN pip install --no-cache-dir -r requirements.txt -r requirements-qr.txt
COPY bot.py ./
COPY roomsync ./roomsync
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/roomsync roomsync
USER 10001
ENV STATE_FILE=/var/lib/roomsync/roomsync.db PYTHONUNBUFFERED=1
VOLUME /var/lib/roomsync
# It relays, or the container is unhealthy, and says why.
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m CMD ["python", "bot.py", "--status"]
CMD ["python", "bot.py"]
