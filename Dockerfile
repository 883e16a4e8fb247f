# api: a small HTTP service; `docker run --rm -p 8080:8080 IMAGE`, then `curl localhost:8080`.
FROM busybox:1.37
ARG GREETING=hello
RUN echo 'api:x:10001:10001::/:/bin/false' >> /etc/passwd \
 && mkdir -p /srv/api \
 && printf '{"service":"api","greeting":"%s","machine":"%s"}\n' "$GREETING" "$(uname -m)" > /srv/api/index.html
COPY infra/api.conf /etc/httpd.conf
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=2s CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]
CMD ["httpd", "-f", "-p", "8080", "-h", "/srv/api"]
