;;; -*- lexical-binding: t -*-
;; Brings back what capture.el has kept, with the kept state beside it. Files are only read: unsaved text comes back as modified
;; buffers.
(defvar evermux-restored nil "Names of the states that this Emacs has got back.")

(let* ((folder (file-name-directory load-file-name))
       (read-file (lambda (name) (with-temp-buffer
                                   (let ((coding-system-for-read 'utf-8-emacs-unix))
                                     (insert-file-contents (expand-file-name name folder)))
                                   (buffer-string))))
       (state (car (read-from-string (funcall read-file "state"))))
       (taken (string-to-number (funcall read-file "taken")))
       ;; It has outlived its pane: it has all of it, or its user did something else with it since.
       (same (equal (alist-get 'pid state) (emacs-pid)))
       ;; No question: not about locks that the dead one has left (its number may be another program's now), nor about large
       ;; files, links, or local variables.
       (create-lockfiles nil) (large-file-warning-threshold nil) (enable-local-variables :safe) (enable-local-eval nil)
       (vc-follow-symlinks t) (find-file-suppress-same-file-warnings t) (inhibit-message t)
       (visit (lambda (file) (or (get-file-buffer file) (ignore-errors (find-file-noselect file t)))))
       (problems nil))
  (unless same
    ;; The last one was the least recently used.
    (dolist (it (reverse (alist-get 'files state)))
      (let ((new (not (get-file-buffer (car it)))) (buffer (funcall visit (car it))))
        (when (and buffer new)
          (with-current-buffer buffer
            (unless (equal (buffer-name) (nth 1 it)) (ignore-errors (rename-buffer (nth 1 it))))
            (goto-char (min (nth 2 it) (point-max)))))))
    (dolist (it (alist-get 'unsaved state))
      (condition-case problem
          (let* ((file (nth 1 it)) (text (expand-file-name (format "text%d" (car it)) folder))
                 (buffer (if file (funcall visit file) (get-buffer-create (nth 2 it)))))
            (with-current-buffer buffer
              ;; What was typed since the last save is in a file of Emacs's own, in the same coding.
              (let ((auto (and file (make-auto-save-file-name))))
                (when (and auto (file-readable-p auto)
                           (< taken (float-time (file-attribute-modification-time (file-attributes auto)))))
                  (setq text auto)))
              (when (or (not (buffer-modified-p)) (string= (buffer-name) "*scratch*"))
                (let ((coding-system-for-read 'utf-8-emacs-unix) (inhibit-read-only t) (buffer-read-only nil)
                      (coding buffer-file-coding-system) (place (nth 3 it)))
                  (undo-boundary)
                  (erase-buffer)
                  (insert-file-contents text)
                  (setq buffer-file-coding-system coding)
                  (undo-boundary)
                  (goto-char (min place (point-max))))
                (unless file (ignore-errors (funcall (nth 4 it))))
                (set-buffer-modified-p t))))
        (error (push (list (nth 1 it) problem) problems)))))
  (ignore-errors (window-state-put (alist-get 'windows state) (frame-root-window) 'safe))
  (push (file-name-nondirectory (directory-file-name folder)) evermux-restored)
  ;; It is all here now, and in the store; what went wrong can be looked at.
  (unless problems (delete-directory folder t)))
